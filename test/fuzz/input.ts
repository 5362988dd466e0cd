import { DecodeError } from '../../control/source/decode/decode-error.ts'
import { JsonObject } from '../../control/source/decode/json/object.ts'
import { parseJson } from '../../control/source/decode/json/parse.ts'
import { ProtobufObject } from '../../control/source/decode/protobuf/object.ts'
import type { WatchEvent } from '../../control/source/decode/raw-object.ts'
import { StreamError } from '../../control/source/kubernetes/api-error.ts'
import { type Encoding, encodingOf } from '../../control/source/kubernetes/encoding.ts'
import { Intake } from '../../control/source/kubernetes/intake.ts'
import type { Kind } from '../../control/source/objects.ts'
import type { SourceEvent } from '../../control/source/source.ts'
import { encodeMessage } from '../unit/source/protobuf-codec.ts'
import { absurdObject } from './absurd.ts'
import { corpus, KINDS } from './corpus.ts'
import { type EncodingName, list, wrap } from './messages.ts'
import { mutateBytes, mutateMessage } from './mutate-bytes.ts'
import { mutateJson } from './mutate-json.ts'
import type { Random } from './random.ts'
import { NODE_NAME, type Target } from './target.ts'

/** What became of an input. */
export type Outcome =
  /** At least one object was taken. */
  | 'taken'
  /** At least one object was rejected, or the bytes around it. */
  | 'rejected'
  /** Nothing in it concerns a proxy. */
  | 'passed over'

const ENCODINGS: Readonly<Record<EncodingName, Encoding>> = {
  protobuf: encodingOf('application/vnd.kubernetes.protobuf'),
  JSON: encodingOf('application/json'),
}

/** One way into the agent. The bytes are kept, to be shown should they do harm. */
export interface Input {
  readonly kind: Kind
  readonly encoding: EncodingName
  readonly way: 'object' | 'watch' | 'list' | 'broken watch' | 'broken list' | 'status'
  readonly bytes: Buffer
}

const WAYS: readonly Input['way'][] = [
  ...(['object', 'object', 'object', 'watch', 'watch', 'watch', 'watch'] as const),
  ...(['list', 'broken watch', 'broken watch', 'broken list', 'broken list', 'status'] as const),
]

export function makeInput(random: Random): Input {
  const kind = random.pick([...KINDS, 'Service', 'EndpointSlice'] as const)
  const encoding = random.oneIn(3) ? 'JSON' : 'protobuf'
  const way = random.pick(WAYS)
  const breaks = way.startsWith('broken')
  const object = () => makeObject(kind, encoding, breaks, random)
  const broken = (bytes: Buffer) => {
    if (encoding === 'JSON' || random.oneIn(4)) return mutateBytes(bytes, random)
    return mutateMessage(bytes, random)
  }
  switch (way) {
    case 'object':
      return { kind, encoding, way, bytes: object() }
    case 'watch':
      return {
        kind,
        encoding,
        way,
        bytes: frame(event(encoding, kind, object(), random), encoding),
      }
    case 'broken watch': {
      const bytes = frame(broken(event(encoding, kind, object(), random)), encoding)
      return { kind, encoding, way, bytes: random.oneIn(3) ? mutateBytes(bytes, random) : bytes }
    }
    case 'list':
      return { kind, encoding, way, bytes: list(encoding, kind, random.some(3, object)) }
    case 'broken list': {
      const whole = list(encoding, kind, random.some(3, object))
      // The four bytes before the message are the mark of the encoding.
      const isMarked = encoding === 'protobuf' && !random.oneIn(4)
      const bytes = isMarked
        ? Buffer.concat([whole.subarray(0, 4), broken(whole.subarray(4))])
        : broken(whole)
      return { kind, encoding, way, bytes }
    }
    case 'status': {
      const status = { message: 'm', reason: 'r', code: 410, details: { retryAfterSeconds: 7 } }
      const bytes =
        encoding === 'JSON'
          ? mutateJson(status, random)
          : wrap(kind, mutateMessage(encodeMessage('Status', status), random))
      return { kind, encoding, way, bytes }
    }
  }
}

/** An object that is absurd, or broken, or both. */
function makeObject(kind: Kind, encoding: EncodingName, intact: boolean, random: Random): Buffer {
  const isAbsurd = random.oneIn(3)
  const plain = isAbsurd ? absurdObject(kind, random) : random.pick(corpus(kind))
  const breaks = intact || (isAbsurd && random.oneIn(2)) ? 0 : 1 + random.below(2)
  if (encoding === 'JSON') {
    return breaks > 0 ? mutateJson(plain, random) : Buffer.from(JSON.stringify(plain))
  }
  let bytes = encodeMessage(kind, plain)
  for (let left = breaks; left > 0; left--) bytes = mutateMessage(bytes, random)
  return bytes
}

function event(encoding: EncodingName, kind: Kind, object: Buffer, random: Random): Buffer {
  const type = random.pick(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR', 'X'])
  if (encoding === 'protobuf') {
    return encodeMessage('WatchEvent', { type, object: { raw: wrap(kind, object) } })
  }
  return Buffer.from(`{"type":"${type}","object":${object}}`)
}

/** As it is on the wire. */
function frame(content: Buffer, encoding: EncodingName): Buffer {
  if (encoding === 'JSON') return Buffer.concat([content, Buffer.from('\n')])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}

/** Gives the input to the target. @throws whatever must not happen */
export function deliver(input: Input, target: Target, random: Random): Outcome {
  const { kind, way, bytes } = input
  const encoding = ENCODINGS[input.encoding]
  const intake = target.intake(kind)
  const { pool } = target
  switch (way) {
    case 'object': {
      const raw = openObject(input, target)
      if (raw === undefined) return 'rejected'
      if (random.oneIn(5)) intake.delete(raw, 0)
      else intake.set(raw, 0)
      return judge(target.accept(), 1)
    }
    case 'watch':
    case 'broken watch': {
      const framer = encoding.framer()
      let messages = 0
      const isWhole = survives(() => {
        for (const piece of split(bytes, random)) {
          for (const message of framer.push(piece, 0)) {
            messages++
            const decode = () => encoding.decodeEvent(kind, message.bytes, pool)
            follow(decode, intake)
          }
        }
        framer.end()
      }, StreamError)
      const outcome = judge(target.accept(), messages)
      return isWhole ? outcome : 'rejected'
    }
    case 'list': {
      // The sentinels are in it and must stay; hostile objects of the kind that are not in it must go.
      const reader = encoding.listReader(kind, pool)
      let objects = 0
      intake.beginList()
      const take = (pushed: ReturnType<typeof reader.push>) => {
        objects += pushed.length
        for (const object of pushed) intake.set(object, 0)
      }
      const isWhole = survives(() => {
        for (const piece of split(bytes, random)) take(reader.push(piece))
        take(reader.end())
        intake.endList(0)
      })
      const events = target.accept()
      if (isWhole) return judge(events, objects)
      // As a reflector does: the list is asked for again.
      target.relist(kind)
      return 'rejected'
    }
    case 'broken list': {
      const events: SourceEvent[] = []
      const lost = new Intake(kind, NODE_NAME, (batch) => events.push(...batch))
      const reader = encoding.listReader(kind, pool)
      lost.beginList()
      const isWhole = survives(() => {
        for (const piece of split(bytes, random)) {
          for (const object of reader.push(piece)) lost.set(object, 0)
        }
        for (const object of reader.end()) lost.set(object, 0)
        lost.endList(0)
      })
      lost.flush()
      return isWhole ? judge(events, Infinity) : 'rejected'
    }
    case 'status':
      return survives(() => encoding.decodeStatus(bytes)) ? 'passed over' : 'rejected'
  }
}

/** False where the bytes are refused as they should be; any other error is a finding. */
function survives(
  action: () => unknown,
  alsoRefusedBy: typeof StreamError | typeof DecodeError = DecodeError,
): boolean {
  try {
    action()
    return true
  } catch (error) {
    if (error instanceof DecodeError || error instanceof alsoRefusedBy) return false
    throw error
  }
}

function openObject({ kind, encoding, bytes }: Input, { pool }: Target) {
  if (encoding === 'protobuf') return new ProtobufObject(kind, bytes, 0, bytes.length, pool)
  let value: unknown
  if (!survives(() => (value = parseJson(bytes.toString())))) return undefined
  return new JsonObject(kind, value, pool)
}

/** What a reflector does with a message. */
function follow(decode: () => WatchEvent, intake: Intake): void {
  let event: WatchEvent
  try {
    event = decode()
  } catch (error) {
    intake.rejectMessage(error)
    return
  }
  if (event.type === 'ADDED' || event.type === 'MODIFIED') intake.set(event.object, 0)
  else if (event.type === 'DELETED') intake.delete(event.object, 0)
}

/** @throws where more was rejected than there was */
function judge(events: readonly SourceEvent[], objects: number): Outcome {
  const rejected = events.filter(({ type }) => type === 'rejected').length
  const set = events.filter(({ type }) => type === 'set').length
  if (rejected + set > objects) {
    throw new Error(`${objects} objects were taken ${set} times and rejected ${rejected} times`)
  }
  if (rejected > 0) return 'rejected'
  return events.length > 0 ? 'taken' : 'passed over'
}

/** The bytes as they may arrive: in one piece, or in several. */
function split(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = []
  let rest = bytes
  while (rest.length > 1 && pieces.length < 4 && random.oneIn(2)) {
    const at = random.below(rest.length)
    pieces.push(Buffer.from(rest.subarray(0, at)))
    rest = rest.subarray(at)
  }
  return [...pieces, Buffer.from(rest)]
}

/** For people: enough of the bytes to see what they were. */
export function describeInput({ kind, encoding, way, bytes }: Input): string {
  const shown =
    encoding === 'JSON'
      ? JSON.stringify(bytes.toString('utf8', 0, 600))
      : bytes.toString('hex', 0, 400)
  return `${way} of ${kind} in ${encoding}, ${bytes.length} bytes: ${shown}`
}
