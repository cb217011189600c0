import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { patterns, pluginIdOf, subjects } from '@bkg/sdk';
import type { PluginConfig, PluginInfo } from '@bkg/sdk';
import type { BkgContext } from '@bkg/sdk/nest';
import { Supervisor } from '../supervisor.ts';

@Controller()
export class ControlController {
  readonly #supervisor: Supervisor;

  constructor(@Inject(Supervisor) supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  @MessagePattern(patterns.control('start'))
  start(@Payload() options: unknown, @Ctx() { subject, signal }: BkgContext): Promise<PluginInfo> {
    return this.#supervisor.control.start(pluginIdOf(subject), options, signal);
  }

  @MessagePattern(patterns.control('stop'))
  stop(@Payload() options: unknown, @Ctx() { subject, signal }: BkgContext): Promise<PluginInfo> {
    return this.#supervisor.control.stop(pluginIdOf(subject), options, signal);
  }

  @MessagePattern(patterns.control('restart'))
  restart(@Payload() options: unknown, @Ctx() { subject, signal }: BkgContext): Promise<PluginInfo> {
    return this.#supervisor.control.restart(pluginIdOf(subject), options, signal);
  }

  @MessagePattern(patterns.control('configure'))
  configure(@Payload() change: unknown, @Ctx() { subject, signal }: BkgContext): Promise<PluginConfig> {
    return this.#supervisor.configuring.configure(pluginIdOf(subject), change, signal);
  }

  @MessagePattern(patterns.control('scale'))
  scale(@Payload() order: unknown, @Ctx() { subject, signal }: BkgContext): Promise<PluginInfo> {
    return this.#supervisor.configuring.scale(pluginIdOf(subject), order, signal);
  }

  @MessagePattern(patterns.control('swap'))
  swap(@Payload() order: unknown, @Ctx() { subject, signal }: BkgContext): Promise<PluginInfo> {
    return this.#supervisor.rolloutOrders.swap(pluginIdOf(subject), order, signal);
  }

  @MessagePattern(patterns.control('rollback'))
  rollback(@Payload() order: unknown, @Ctx() { subject, signal }: BkgContext): Promise<PluginInfo> {
    return this.#supervisor.rolloutOrders.rollback(pluginIdOf(subject), order, signal);
  }

  @MessagePattern(subjects.shutdown)
  shutdown(@Ctx() { signal }: BkgContext): Promise<{ ok: true }> {
    return this.#supervisor.control.shutdown(signal);
  }
}
