/** Rank and lengths beyond these are no tensors that anybody sends. */
export const MAX_RANK = 64;
export const MAX_LENGTH = 2 ** 31 - 1;
export const MAX_TENSORS = 1024;
export const MAX_NAME = 1024;
