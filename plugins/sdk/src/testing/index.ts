export * from './certificates.ts';
export * from './hostile-schemas.ts';
export * from './random.ts';
export * from './random-json.ts';
export * from './simulated-mesh.ts';
export type { SimulatedInstance } from './simulated-instance.ts';
export * from './timing.ts';
