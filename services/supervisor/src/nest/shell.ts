import 'reflect-metadata';
import { Module } from '@nestjs/common';
import type { DynamicModule, INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { Connection, Logger } from '@bkg/sdk';
import { BkgExceptionFilter, BkgServer } from '@bkg/sdk/nest';
import { Supervisor } from '../supervisor.ts';
import { defaultTimings } from '../timings.ts';
import { AuditController } from './audit-controller.ts';
import { ControlController } from './control-controller.ts';
import { LogController } from './log-controller.ts';
import { RegistryController } from './registry-controller.ts';

export interface ShellOptions {
  supervisor: Supervisor;
  /** Stays open: it is the owner's. */
  connection: Connection;
  log: Logger;
}

/** The orders that wait longest answer by themselves before this. */
const timeoutMs = defaultTimings.controlWaitMs + 5_000;

@Module({})
class SupervisorModule {
  static of(supervisor: Supervisor): DynamicModule {
    return {
      module: SupervisorModule,
      controllers: [AuditController, ControlController, LogController, RegistryController],
      providers: [{ provide: Supervisor, useValue: supervisor }],
    };
  }
}

/** Answers the supervisor's subjects until the result is closed; `supervisor` must act already. */
export async function serve({ supervisor, connection, log }: ShellOptions): Promise<INestMicroservice> {
  const strategy = new BkgServer({ connection, log, timeoutMs });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(SupervisorModule.of(supervisor), {
    strategy,
    logger: false,
    // Its failures are ours to report.
    abortOnError: false,
  });
  app.useGlobalFilters(new BkgExceptionFilter());
  await app.listen();
  return app;
}
