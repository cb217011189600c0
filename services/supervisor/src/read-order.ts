import { createValidator, schemaOf } from '@bkg/sdk';
import type { ControlOptions, RollbackOrder, ScaleOrder, SwapOrder } from '@bkg/sdk';
import { unfit } from './unfit.ts';

interface Orders {
  ControlOptions: ControlOptions;
  SwapOrder: SwapOrder;
  ScaleOrder: ScaleOrder;
  RollbackOrder: RollbackOrder;
}

/** What every order has when it is read. */
export interface Ordered {
  wait: boolean;
  by: string;
  why: string;
}

const validators = {
  ControlOptions: createValidator({ ...schemaOf('ControlOptions'), additionalProperties: false }),
  SwapOrder: createValidator(schemaOf('SwapOrder')),
  ScaleOrder: createValidator(schemaOf('ScaleOrder')),
  RollbackOrder: createValidator(schemaOf('RollbackOrder')),
};

/** Reads the body of a control request. @throws BkgError INVALID_PAYLOAD */
export function readOrder<Name extends keyof Orders>(name: Name, body: unknown): Orders[Name] & Ordered {
  const given = body ?? {};
  const errors = validators[name](given);
  if (errors.length > 0) throw unfit('The order', errors);
  const order = { ...ordered(given), ...(given as Orders[Name]) };
  refuseOurNames(order.by);
  return order;
}

/** By whom is written what nobody has ordered. */
const ourNames = ['manifest', 'supervisor'];

/** @throws BkgError INVALID_PAYLOAD */
export function refuseOurNames(by: string | null | undefined): void {
  if (by == null || !ourNames.includes(by)) return;
  const message = `is "${by}", which marks what bkg does by itself; give your own name`;
  throw unfit('The order', [{ path: '/by', message }]);
}

/** What is not said. */
export function ordered({ wait = true, by = 'control', why = '' }: Partial<Ordered>): Ordered {
  return { wait, by, why };
}
