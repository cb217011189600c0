/** What bkg's own programs need of the machine they run on. */
export * from './backoff.ts';
export * from './complaints.ts';
export * from './delay.ts';
export * from './home.ts';
export * from './port-holder.ts';
export * from './process-identity.ts';
export * from './process-stat.ts';
export * from './service-settings.ts';
export * from './stop-signal.ts';
export * from './whole-file.ts';
export * from './young-objects.ts';
