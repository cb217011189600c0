/** NestJS over the subjects of bkg: plain JSON bodies and headers, no envelope that only Nest understands. */
export { bytes } from '../bytes.ts';
export type { InvocationContext } from '../invocation.ts';
export { Body } from '../stream/body.ts';
export { Capability } from './capability.ts';
export type { CapabilityContract, MappedCapability } from './capability.ts';
export { BkgContext } from './context.ts';
export { BkgExceptionFilter } from './exception-filter.ts';
export { BkgLogger } from './logger.ts';
export { BkgPlugin, bkgTransport } from './plugin.ts';
export type { BkgPluginOptions } from './plugin.ts';
export { BkgServer } from './server.ts';
export type { BkgServerOptions } from './server.ts';
