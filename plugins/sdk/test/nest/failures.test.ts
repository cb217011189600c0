import {
  BadRequestException,
  Catch,
  ConflictException,
  Controller,
  ForbiddenException,
  HttpException,
  Injectable,
  InternalServerErrorException,
  NotFoundException,
  RequestTimeoutException,
  ServiceUnavailableException,
  StandardSchemaValidationPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import type {
  ArgumentsHost,
  CallHandler,
  CanActivate,
  ExceptionFilter,
  NestInterceptor,
  PipeTransform,
} from '@nestjs/common';
import { BaseRpcExceptionFilter, Ctx, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { catchError, map, NEVER, throwError, timeout, TimeoutError } from 'rxjs';
import type { Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { createLogger } from '../../src/logger.ts';
import { Capability } from '../../src/nest/index.ts';
import type { InvocationContext } from '../../src/nest/index.ts';
import { BkgError, PluginError } from '../../src/protocol/index.ts';
import { startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { Application, invoke } from './application.ts';

const secret = 'the password is hunter2';

const thrown: Record<string, () => unknown> = {
  rpcText: () => new RpcException('the shop is closed'),
  rpcOfTable: () => new RpcException({ code: 'BUSY', message: 'come back later' }),
  rpcDeclared: () => new RpcException({ code: 'NEST_CLOSED', message: 'closed on Sundays' }),
  rpcWithoutPrefix: () => new RpcException({ code: 'CLOSED', message: 'closed on Sundays' }),
  rpcUndeclared: () => new RpcException({ code: 'NEST_OTHER', message: secret }),
  rpcStatus: () => new RpcException({ status: 409, message: 'sold already' }),
  rpcGrpc: () => new RpcException({ code: 5, message: 'not here' }),
  rpcServer: () => new RpcException({ statusCode: 502, message: 'the mill is broken' }),
  rpcNothing: () => new RpcException({ shop: secret }),
  rpcOfError: () => new RpcException(new Error(secret)),
  rpcOfHttp: () => new RpcException(new ConflictException('sold already')),
  rpcList: () => new RpcException([{ path: ['amount', 0], message: 'is too large' }]),
  notFound: () => new NotFoundException('there is no such cake'),
  gone: () => new HttpException('eaten', 410),
  teapot: () => new HttpException('a teapot', 418),
  forbidden: () => new ForbiddenException('members only'),
  conflict: () => new ConflictException(),
  unavailable: () => new ServiceUnavailableException('the oven is cold'),
  internal: () => new InternalServerErrorException(secret),
  messages: () => new BadRequestException(['name must be a text', 'age must be a number']),
  grouped: () => new BadRequestException({ message: { name: ['must be a text'], 'a.b': ['is odd'] } }),
  nested: () =>
    new BadRequestException([
      {
        property: 'a/b',
        children: [{ property: '0', constraints: { isInt: 'must be an integer', min: 'must be positive' } }],
      },
    ]),
  table: () => new BkgError('RATE_LIMITED', 'slower, please'),
  declared: () =>
    new PluginError('NEST_CLOSED', 'closed today', { errors: [{ path: '/day', message: 'is Sunday' }] }),
  undeclared: () => new PluginError('NEST_OTHER', secret),
  unknown: () => new Error(secret),
  text: () => secret,
  object: () => ({ message: secret }),
  nothing: () => undefined,
};

@Controller()
class Failing {
  @Capability('fail', {
    errors: { NEST_CLOSED: { number: 422, retryable: true, description: 'It is closed.' } },
  })
  fail(@Payload('how') how: string) {
    throw thrown[how]?.();
  }

  @Capability('fail.later')
  failLater(@Payload('how') how: string) {
    return throwError(() => thrown[how]?.());
  }

  @Capability('fail.owned', {
    errors: { NEST_NO_CAKE: { number: 404, retryable: false, description: 'There is no such cake.' } },
  })
  failOwned() {
    throw new NotFoundException('no cake left');
  }

  @Capability('pass_on')
  passOn(@Ctx() { invoke: call }: InvocationContext) {
    return call('nest', 'fail', { how: 'declared' });
  }
}

@Injectable()
class No implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class Broken implements CanActivate {
  canActivate(): boolean {
    throw new Error(secret);
  }
}

@Injectable()
class Positive implements PipeTransform<number, number> {
  transform(value: number): number {
    if (value > 0) return value * 10;
    throw new BadRequestException('it must be positive');
  }
}

class Order {
  declare amount: number;
}

/** As zod and its like have it. */
const amountSchema = {
  '~standard': {
    version: 1 as const,
    vendor: 'tests',
    validate: (value: unknown) =>
      typeof value === 'number' ? { value } : { issues: [{ message: 'is no number', path: ['amount'] }] },
  },
};

/** What `class-validator` and `class-transformer` do, as far as the pipe asks them. */
const validatorPackage = {
  validate: async (order: Order) =>
    typeof order.amount === 'number'
      ? []
      : [{ property: 'amount', constraints: { isNumber: 'amount must be a number' } }],
};
const transformerPackage = {
  plainToInstance: (_: unknown, value: object) => Object.assign(new Order(), value) as never,
  classToPlain: (value: object) => ({ ...value }),
};

@Injectable()
class Impatient implements NestInterceptor {
  intercept(_: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      timeout(30),
      catchError((error: unknown) =>
        throwError(() => (error instanceof TimeoutError ? new RequestTimeoutException('too slow') : error)),
      ),
    );
  }
}

@Injectable()
class Wrapping implements NestInterceptor {
  intercept(_: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@Controller()
class Enhanced {
  @UseGuards(No)
  @MessagePattern('guard.no')
  guarded() {
    return 'in';
  }

  @UseGuards(Broken)
  @MessagePattern('guard.broken')
  broken() {
    return 'in';
  }

  @MessagePattern('pipe.own')
  piped(@Payload('amount', Positive) amount: number) {
    return amount;
  }

  @UsePipes(
    new ValidationPipe({ expectedType: Order, validatorPackage, transformerPackage, transform: true }),
  )
  @MessagePattern('pipe.validation')
  validated(@Payload() order: Order) {
    return { amount: order.amount, isOrder: order instanceof Order };
  }

  @UsePipes(new StandardSchemaValidationPipe())
  @MessagePattern('pipe.standard')
  standard(@Payload('amount', { schema: amountSchema }) amount: number) {
    return amount;
  }

  @UseInterceptors(Impatient)
  @MessagePattern('interceptor.timeout')
  slow() {
    return NEVER;
  }

  @UseInterceptors(Wrapping)
  @MessagePattern('interceptor.map')
  mapped() {
    return 'cake';
  }
}

class Closed extends Error {}

@Catch(Closed)
class Told implements ExceptionFilter {
  catch({ message }: Closed): Observable<never> {
    return throwError(() => ({ code: 'CONFLICT', message: `told: ${message}` }));
  }
}

@Catch(RpcException)
class AsInTheDocumentation implements ExceptionFilter {
  catch(exception: RpcException): Observable<never> {
    return throwError(() => exception.getError());
  }
}

const caught: unknown[] = [];

@Catch()
class CatchAll extends BaseRpcExceptionFilter {
  override catch(exception: Error, host: ArgumentsHost): Observable<unknown> {
    caught.push(exception.message);
    return super.catch(exception, host) as Observable<unknown>;
  }
}

@Controller()
class Filtered {
  @UseFilters(Told)
  @MessagePattern('filter.own')
  own() {
    throw new Closed('closed');
  }

  @UseFilters(AsInTheDocumentation)
  @MessagePattern('filter.documented')
  documented(@Payload() content: string) {
    throw new RpcException(content);
  }

  @UseFilters(CatchAll)
  @MessagePattern('filter.all')
  all() {
    throw new ConflictException('seen and passed on');
  }
}

let server: TestServer;
let caller: Connection;
let application: Application;
let lines = '';

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  const log = createLogger({}, { destination: { write: (line) => void (lines += line) } });
  application = await Application.start({ controllers: [Failing, Enhanced, Filtered] }, { server, log });
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await server.stop();
});

const problemOf = async (capability: string, payload?: unknown) =>
  (await invoke(caller, capability, payload)).problem;

describe('an error that is meant for the caller', () => {
  const cases: [how: string, problem: Record<string, unknown>][] = [
    ['rpcText', { code: 'INTERNAL', status: 500, detail: 'the shop is closed' }],
    ['rpcOfTable', { code: 'BUSY', status: 429, retryable: true, detail: 'come back later' }],
    ['rpcDeclared', { code: 'NEST_CLOSED', status: 422, retryable: true, detail: 'closed on Sundays' }],
    ['rpcWithoutPrefix', { code: 'NEST_CLOSED', status: 422, detail: 'closed on Sundays' }],
    ['rpcStatus', { code: 'CONFLICT', status: 409, detail: 'sold already' }],
    ['rpcGrpc', { code: 'INTERNAL', detail: 'not here' }],
    ['rpcServer', { code: 'INTERNAL', detail: 'the mill is broken' }],
    ['rpcOfHttp', { code: 'CONFLICT', detail: 'sold already' }],
    ['rpcList', { code: 'INVALID_PAYLOAD', errors: [{ path: '/amount/0', message: 'is too large' }] }],
    ['notFound', { code: 'CAPABILITY_NOT_FOUND', status: 404, detail: 'there is no such cake' }],
    ['gone', { code: 'CAPABILITY_NOT_FOUND', detail: 'eaten' }],
    ['teapot', { code: 'INVALID_PAYLOAD', status: 400, detail: 'a teapot' }],
    ['forbidden', { code: 'FORBIDDEN', status: 403, detail: 'members only' }],
    ['conflict', { code: 'CONFLICT', status: 409, detail: 'Conflict' }],
    ['unavailable', { code: 'PLUGIN_UNAVAILABLE', retryable: true, detail: 'the oven is cold' }],
    ['table', { code: 'RATE_LIMITED', status: 429, detail: 'slower, please' }],
    ['declared', { code: 'NEST_CLOSED', status: 422, errors: [{ path: '/day', message: 'is Sunday' }] }],
    [
      'messages',
      {
        code: 'INVALID_PAYLOAD',
        detail: 'The payload does not fit: name must be a text; age must be a number.',
        errors: [
          { path: '', message: 'name must be a text' },
          { path: '', message: 'age must be a number' },
        ],
      },
    ],
    [
      'grouped',
      {
        code: 'INVALID_PAYLOAD',
        errors: [
          { path: '/name', message: 'must be a text' },
          { path: '/a/b', message: 'is odd' },
        ],
      },
    ],
    [
      'nested',
      {
        code: 'INVALID_PAYLOAD',
        errors: [
          { path: '/a~1b/0', message: 'must be an integer' },
          { path: '/a~1b/0', message: 'must be positive' },
        ],
      },
    ],
  ];
  it.each(cases)('is told: %s', async (how, problem) => {
    expect(await problemOf('fail', { how })).toMatchObject(problem);
  });

  it('is told the same way by an Observable', async () => {
    expect(await problemOf('fail.later', { how: 'notFound' })).toMatchObject({ status: 404 });
    expect(await problemOf('fail.later', { how: 'table' })).toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('has the capability’s own code when exactly one declared error has its number', async () => {
    const problem = await problemOf('fail.owned');
    expect(problem).toMatchObject({ code: 'NEST_NO_CAKE', status: 404, detail: 'no cake left' });
  });

  it('keeps the code of another plugin', async () => {
    expect(await problemOf('pass_on')).toMatchObject({ code: 'NEST_CLOSED', status: 422 });
  });
});

describe('an error that is not', () => {
  const hows = [
    'rpcUndeclared',
    'rpcNothing',
    'rpcOfError',
    'internal',
    'undeclared',
    'unknown',
    'text',
    'object',
  ];
  it.each([...hows, 'nothing'])('is INTERNAL, in the log only: %s', async (how) => {
    for (const capability of ['fail', 'fail.later']) {
      lines = '';
      const problem = await problemOf(capability, { how });
      expect(problem).toMatchObject({ code: 'INTERNAL', status: 500 });
      expect(JSON.stringify(problem)).not.toContain('hunter2');
      if (how !== 'nothing') expect(lines).toContain('hunter2');
      expect(lines).toContain('the handler failed');
    }
  });
});

describe('around a handler', () => {
  it('a guard that says no is FORBIDDEN, and one that breaks INTERNAL', async () => {
    expect(await problemOf('guard.no')).toMatchObject({ code: 'FORBIDDEN', status: 403 });
    expect(await problemOf('guard.broken')).toMatchObject({ code: 'INTERNAL' });
  });

  it('pipes change the payload or refuse it as INVALID_PAYLOAD', async () => {
    expect(await invoke(caller, 'pipe.own', { amount: 2 })).toEqual({ output: 20 });
    expect(await problemOf('pipe.own', { amount: -1 })).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail: 'it must be positive',
    });
    expect(await invoke(caller, 'pipe.validation', { amount: 2 })).toEqual({
      output: { amount: 2, isOrder: true },
    });
    expect(await problemOf('pipe.validation', { amount: 'x' })).toMatchObject({
      code: 'INVALID_PAYLOAD',
      errors: [{ path: '', message: 'amount must be a number' }],
    });
    expect(await invoke(caller, 'pipe.standard', { amount: 2 })).toEqual({ output: 2 });
    expect(await problemOf('pipe.standard', {})).toMatchObject({
      code: 'INVALID_PAYLOAD',
      errors: [{ path: '', message: 'amount: is no number' }],
    });
  });

  it('interceptors change the answer, or give up on it', async () => {
    expect(await invoke(caller, 'interceptor.map')).toEqual({ output: { data: 'cake' } });
    expect(await problemOf('interceptor.timeout')).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      detail: 'too slow',
    });
  });

  it('exception filters of the application come first, and what they throw is told', async () => {
    expect(await problemOf('filter.own')).toMatchObject({ code: 'CONFLICT', detail: 'told: closed' });
    expect(await problemOf('filter.documented', 'words')).toMatchObject({
      code: 'INTERNAL',
      detail: 'words',
    });
    expect(await problemOf('filter.all')).toMatchObject({ code: 'CONFLICT', detail: 'seen and passed on' });
    expect(caught).toEqual(['seen and passed on']);
  });
});
