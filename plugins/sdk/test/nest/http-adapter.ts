import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { AbstractHttpAdapter } from '@nestjs/core';

type Handle = (request: IncomingMessage, response: ServerResponse, next: () => void) => unknown;

/** Enough of HTTP for a hybrid application with GET routes, and no more packages. */
export class PlainHttpAdapter extends AbstractHttpAdapter<Server, IncomingMessage, ServerResponse> {
  readonly #routes = new Map<string, Handle>();

  override initHttpServer(): void {
    this.httpServer = createServer((request, response) => {
      const handle = this.#routes.get(request.url ?? '');
      if (handle) void handle(request, response, () => undefined);
      else this.reply(response, { message: 'Not found' }, 404);
    });
  }

  override get(path: unknown, handle?: unknown): void {
    this.#routes.set(path as string, handle as Handle);
  }

  override listen(port: string | number, ...rest: unknown[]): Server {
    return this.httpServer.listen(Number(port), '127.0.0.1', rest.at(-1) as () => void);
  }

  override async close(): Promise<void> {
    await new Promise<void>((resolve) => void this.httpServer.close(() => resolve()));
  }

  override reply(response: ServerResponse, body: unknown, statusCode?: number): void {
    if (statusCode) response.statusCode = statusCode;
    response.end(JSON.stringify(body));
  }

  override status(response: ServerResponse, statusCode: number): void {
    response.statusCode = statusCode;
  }

  override end(response: ServerResponse, message?: string): void {
    response.end(message);
  }

  override isHeadersSent(response: ServerResponse): boolean {
    return response.headersSent;
  }

  override getHeader(response: ServerResponse, name: string): unknown {
    return response.getHeader(name);
  }

  override setHeader(response: ServerResponse, name: string, value: string): void {
    response.setHeader(name, value);
  }

  override appendHeader(response: ServerResponse, name: string, value: string): void {
    response.appendHeader(name, value);
  }

  override getRequestHostname({ headers }: IncomingMessage): string {
    return headers.host ?? '';
  }

  override getRequestMethod({ method }: IncomingMessage): string {
    return method ?? '';
  }

  override getRequestUrl({ url }: IncomingMessage): string {
    return url ?? '';
  }

  override getType(): string {
    return 'plain';
  }

  override setErrorHandler(): void {}
  override setNotFoundHandler(): void {}
  override registerParserMiddleware(): void {}

  override createMiddlewareFactory = refused;
  override applyVersionFilter = refused;
  override enableCors = refused;
  override redirect = refused;
  override render = refused;
  override setViewEngine = refused;
  override useStaticAssets = refused;
}

function refused(): never {
  throw new Error('this adapter cannot do that');
}
