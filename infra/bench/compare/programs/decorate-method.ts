/** What TypeScript makes of `@one() @another() method() {}`, where it is not there to do so. */
export function decorateMethod(
  owner: { prototype: object },
  method: string,
  ...decorators: MethodDecorator[]
): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner.prototype, method);
  if (!descriptor) throw new Error(`there is no method ${method}`);
  for (const decorate of decorators.toReversed()) decorate(owner.prototype, method, descriptor);
}
