import type { Gateway, GatewayRequest } from './gateway.ts';

/** Prints what the gateway says, as it is. @returns the exit code. @throws Failure */
export async function printRaw(
  gateway: Gateway,
  path: string,
  request: GatewayRequest = {},
): Promise<number> {
  process.stdout.write(`${(await gateway.get(path, request)).toString()}\n`);
  return 0;
}
