import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { patterns, pluginIdOf } from '@bkg/sdk';
import type { BkgContext } from '@bkg/sdk/nest';
import type { LogAnswer } from '../plugin-logs.ts';
import { Supervisor } from '../supervisor.ts';

@Controller()
export class LogController {
  readonly #supervisor: Supervisor;

  constructor(@Inject(Supervisor) supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  @MessagePattern(patterns.logs)
  logs(@Payload() query: unknown, @Ctx() { subject }: BkgContext): Promise<LogAnswer> {
    return this.#supervisor.answers.logs(pluginIdOf(subject), query);
  }
}
