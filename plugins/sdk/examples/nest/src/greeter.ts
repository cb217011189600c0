import { Injectable } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';

@Injectable()
export class Greeter {
  greet(name: string): string {
    if (name === 'nobody') {
      throw new RpcException({ code: 'HELLO_NEST_NOBODY', message: 'There is nobody to greet.' });
    }
    return `Hello, ${name}!`;
  }
}
