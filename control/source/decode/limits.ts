/** Longer than any object a server stores; more means that the bytes are not what we take them for. */
export const LONGEST_MESSAGE = 64 << 20

/** Most bytes of a list that can only be read as a whole. A page of 500 objects is a few megabytes. */
export const LONGEST_LIST = 256 << 20
