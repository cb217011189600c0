/** Why the gateway closes a socket: of RFC 6455, and of our own from 4000 to 4999. */
export const closeCodes = {
  goingAway: 1001,
  tooLarge: 1009,
  /** Its key or session does no more. */
  ended: 4401,
  /** Its key or session does no more here. */
  notAllowed: 4403,
  /** There is no such plugin any more. */
  noSuchPlugin: 4404,
} as const;
