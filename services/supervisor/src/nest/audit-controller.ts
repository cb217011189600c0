import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { subjects } from '@bkg/sdk';
import type { AuditList } from '@bkg/sdk';
import type { BkgContext } from '@bkg/sdk/nest';
import { Supervisor } from '../supervisor.ts';

@Controller()
export class AuditController {
  readonly #supervisor: Supervisor;

  constructor(@Inject(Supervisor) supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  @MessagePattern(subjects.auditList)
  list(@Payload() query: unknown, @Ctx() { signal }: BkgContext): Promise<AuditList> {
    return this.#supervisor.auditReader.list(query, signal);
  }
}
