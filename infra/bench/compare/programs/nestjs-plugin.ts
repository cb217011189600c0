/** A NestJS microservice over NATS with one message pattern. Options: see `OnBroker`. */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { decorateMethod } from './decorate-method.ts';
import type { OnBroker } from './on-broker.ts';

const { url, user, password } = JSON.parse(process.argv[2] ?? '{}') as OnBroker;

class EchoController {
  say({ text }: { text: string }): { text: string } {
    return { text };
  }
}
Controller()(EchoController);
Payload()(EchoController.prototype, 'say', 0);
decorateMethod(EchoController, 'say', MessagePattern('echo'));

class AppModule {}
Module({ controllers: [EchoController] })(AppModule);

const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.NATS,
  options: { servers: [url], user, pass: password, queue: 'q' },
  logger: ['error', 'warn'],
});
await app.listen();
process.send?.({ ready: true });
