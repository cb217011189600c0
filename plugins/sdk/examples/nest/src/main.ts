import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { BkgPlugin } from '@bkg/sdk/nest';
import { HelloModule } from './hello.module.ts';

const strategy = new BkgPlugin({
  id: 'hello-nest',
  version: '1.0.0',
  name: 'Hello, Nest',
  description: 'Greets, waits, counts and digests; an ordinary NestJS microservice.',
});
const app = await NestFactory.createMicroservice<MicroserviceOptions>(HelloModule, {
  strategy,
  logger: strategy.logger,
});
// For onModuleDestroy and onApplicationShutdown; the plugin drains without it too.
app.enableShutdownHooks();
await app.listen();
