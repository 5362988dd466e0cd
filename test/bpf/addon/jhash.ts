/** The kernel's jhash2() of one 32-bit word with seed 0: which bucket of a hash map holds a key. */

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}

export function bucketOf(key: number, buckets: number): number {
  // JHASH_INITVAL + (length << 2), for a length of one word.
  const start = (0xdeadbeef + 4) | 0
  let a = (start + key) | 0
  let b = start
  let c = start
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return (c >>> 0) & (buckets - 1)
}
