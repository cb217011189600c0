/**
 * NestJS on its Fastify adapter, with its own client for NATS, on a free port, which it says. Decorators are called by hand:
 * this runs from its source, and Node takes their signs for no TypeScript that it can strip. Options: see `OnBroker`.
 */
import 'reflect-metadata';
import { Body, Controller, HttpCode, Inject, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule, Transport } from '@nestjs/microservices';
import type { ClientProxy } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Observable } from 'rxjs';
import { decorateMethod } from './decorate-method.ts';
import { echoPath } from './echo-path.ts';
import type { OnBroker } from './on-broker.ts';

interface Message {
  text: string;
}

const { url, user, password } = JSON.parse(process.argv[2] ?? '{}') as OnBroker;
const clientName = 'ECHO';

class EchoController {
  readonly #client: ClientProxy;

  constructor(client: ClientProxy) {
    this.#client = client;
  }

  say(message: Message): Observable<Message> {
    return this.#client.send('echo', message);
  }
}
Controller()(EchoController);
Inject(clientName)(EchoController, undefined, 0);
Body()(EchoController.prototype, 'say', 0);
decorateMethod(EchoController, 'say', Post(echoPath), HttpCode(200));

class AppModule {}
Module({
  imports: [
    ClientsModule.register([
      { name: clientName, transport: Transport.NATS, options: { servers: [url], user, pass: password } },
    ]),
  ],
  controllers: [EchoController],
})(AppModule);

const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), {
  logger: ['error', 'warn'],
});
await app.listen(0, '127.0.0.1');
process.send?.({ ready: Number(new URL(await app.getUrl()).port) });
