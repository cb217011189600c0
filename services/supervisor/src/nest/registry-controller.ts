import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { patterns, pluginIdOf, subjects } from '@bkg/sdk';
import type { ConfigHistory, PluginInfo } from '@bkg/sdk';
import type { BkgContext } from '@bkg/sdk/nest';
import { Supervisor } from '../supervisor.ts';

@Controller()
export class RegistryController {
  readonly #supervisor: Supervisor;

  constructor(@Inject(Supervisor) supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  @MessagePattern(subjects.registryList)
  list(): PluginInfo[] {
    return this.#supervisor.answers.list();
  }

  @MessagePattern(patterns.registryGet)
  get(@Ctx() { subject }: BkgContext): PluginInfo {
    return this.#supervisor.answers.get(pluginIdOf(subject));
  }

  @MessagePattern(patterns.history)
  history(@Payload() query: unknown, @Ctx() { subject }: BkgContext): Promise<ConfigHistory> {
    return this.#supervisor.answers.history(pluginIdOf(subject), query);
  }
}
