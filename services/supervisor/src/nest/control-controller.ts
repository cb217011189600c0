import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { patterns, subjects } from '@bkg/sdk';
import type { PluginConfig, PluginInfo } from '@bkg/sdk';
import type { BkgContext } from '@bkg/sdk/nest';
import { Supervisor } from '../supervisor.ts';

/** Orders on both subjects: that which says who orders it, and that which does not. */
const order = (verb: string): MethodDecorator =>
  MessagePattern([patterns.control(verb), patterns.controlBy(verb)]);

@Controller()
export class ControlController {
  readonly #supervisor: Supervisor;

  constructor(@Inject(Supervisor) supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  @order('start')
  start(@Payload() given: unknown, @Ctx() context: BkgContext): Promise<PluginInfo> {
    const { orders, control } = this.#supervisor;
    return orders.carry('start', context, given, ({ id, body }) => control.start(id, body, context.signal));
  }

  @order('stop')
  stop(@Payload() given: unknown, @Ctx() context: BkgContext): Promise<PluginInfo> {
    const { orders, control } = this.#supervisor;
    return orders.carry('stop', context, given, ({ id, body }) => control.stop(id, body, context.signal));
  }

  @order('restart')
  restart(@Payload() given: unknown, @Ctx() context: BkgContext): Promise<PluginInfo> {
    const { orders, control } = this.#supervisor;
    return orders.carry('restart', context, given, ({ id, body }) =>
      control.restart(id, body, context.signal),
    );
  }

  @order('configure')
  configure(@Payload() given: unknown, @Ctx() context: BkgContext): Promise<PluginConfig> {
    const { orders, configuring } = this.#supervisor;
    return orders.carry('configure', context, given, ({ id, body }) =>
      configuring.configure(id, body, context.signal),
    );
  }

  @order('scale')
  scale(@Payload() given: unknown, @Ctx() context: BkgContext): Promise<PluginInfo> {
    const { orders, configuring } = this.#supervisor;
    return orders.carry('scale', context, given, ({ id, body }) =>
      configuring.scale(id, body, context.signal),
    );
  }

  @order('swap')
  swap(@Payload() given: unknown, @Ctx() context: BkgContext): Promise<PluginInfo> {
    const { orders, rolloutOrders } = this.#supervisor;
    return orders.carry('swap', context, given, ({ id, body }) =>
      rolloutOrders.swap(id, body, context.signal),
    );
  }

  @order('rollback')
  rollback(@Payload() given: unknown, @Ctx() context: BkgContext): Promise<PluginInfo> {
    const { orders, rolloutOrders } = this.#supervisor;
    return orders.carry('rollback', context, given, ({ id, body, mayRestoreAll }) =>
      rolloutOrders.rollback(id, body, context.signal, mayRestoreAll),
    );
  }

  @MessagePattern(subjects.shutdown)
  shutdown(@Ctx() { signal }: BkgContext): Promise<{ ok: true }> {
    const { orders, control } = this.#supervisor;
    return orders.carryShutdown(() => control.shutdown(signal));
  }
}
