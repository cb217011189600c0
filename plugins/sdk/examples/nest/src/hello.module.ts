import { Module } from '@nestjs/common';
import { Greeter } from './greeter.ts';
import { HelloController } from './hello.controller.ts';

@Module({ controllers: [HelloController], providers: [Greeter] })
export class HelloModule {}
