/** What is compared, in the order of the tables, and what it is called there. */
export const titles = {
  bkg: 'bkg, everything on',
  bridge: 'bare bridge',
  coalesced: 'bare bridge, coalesced',
  moleculer: 'Moleculer',
  nestjs: 'NestJS',
  fastify: 'Fastify alone',
} as const;

export type SideName = keyof typeof titles;
export const sideNames = Object.keys(titles) as SideName[];
