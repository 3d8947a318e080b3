// How a route is declared: method, path, schemas and the permission it needs, in one place. The guard that enforces the permission is made
// here and nowhere else, and an app with a route that has no guard does not boot: deny by default (OWASP API5).
import { isUtf8 } from 'node:buffer';
import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import type { Permission } from '#domain/access.ts';
import type { Principal } from './auth.ts';
import { Problem, parseJson, validationProblem } from './problem.ts';

export interface Env {
  Bindings: { incoming?: { socket: { remoteAddress?: string | undefined } }; remoteAddress?: string };
  Variables: { principal: Principal; traceId: string; identify: (c: Context<Env>, access: Access) => Promise<void> };
}

/** `public`: no credential is looked at. `optional`: looked at, never demanded (what is shown depends on it). */
export type Access = Permission | 'public' | 'optional';

export interface Declared {
  permission: Access;
  /** Bytes of the body at most; 64 KiB unless told. */
  bodyLimit?: number;
}

/** The socket's address; forwarded headers are not believed. */
export const addressOf = (c: Context<Env>): string | undefined =>
  c.env?.incoming?.socket.remoteAddress ?? c.env?.remoteAddress;
/** The host the client asked for; in tests it is the URL's. */
export const hostOf = (c: Context<Env>): string => c.req.header('host') ?? new URL(c.req.url).host;

const guards = new WeakMap<object, Access>();
const DEFAULT_BODY = 64 * 1024;

/** Reads a body up to `limit`, whether its length is declared or it comes in chunks. */
async function readBody(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new Problem('too-large', `at most ${limit} bytes are accepted here; send it in parts`);
  const declared = request.headers.get('content-length');
  if (Number(declared ?? 0) > limit) throw tooLarge();
  if (declared !== null) {
    // A declared length holds (the HTTP parser sees to it), and reading at once costs a tenth of reading a stream.
    const whole = new Uint8Array(await request.arrayBuffer());
    if (whole.length > limit) throw tooLarge();
    return whole;
  }
  if (!request.body) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const wantsJson = (config: RouteConfig): boolean =>
  config.request?.body !== undefined &&
  // A body that is only described is judged by its route.
  Object.entries(config.request.body.content).every(
    ([type, content]) =>
      type === 'application/json' &&
      content !== undefined &&
      'schema' in content &&
      content.schema instanceof z.ZodType,
  );

/** Depth of `text` as JSON at most: a bomb of brackets costs no parser. */
function refuseDeep(text: string, most = 32): void {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === 92) i++;
      else if (code === 34) quoted = false;
    } else if (code === 34) quoted = true;
    else if (code === 91 || code === 123) {
      if (++depth > most)
        throw new Problem('not-json', `nested more than ${most} deep at position ${i}`, { extra: { position: i } });
    } else if (code === 93 || code === 125) depth--;
  }
}

/** Where Hono keeps a body that was read: promises, whatever its type says. */
const cacheOf = (c: Context<Env>) =>
  c.req.bodyCache as unknown as { text?: Promise<string>; arrayBuffer?: Promise<ArrayBuffer> };

/** A JSON body is JSON whatever the client called it (curl -d says form): what protects a browser session is the Origin check. */
async function takeJson(c: Context<Env>, bytes: Uint8Array<ArrayBuffer>, required: boolean): Promise<void> {
  // Nobody validates a body that is not there and need not be; but it is looked whether there is one, and the stream has been read.
  if (bytes.length === 0 && !required) {
    cacheOf(c).arrayBuffer = Promise.resolve(bytes.buffer);
    return void c.req.raw.headers.delete('content-type');
  }
  if (!isUtf8(bytes)) throw new Problem('not-json', 'the body is not UTF-8; send JSON as UTF-8');
  const text = Buffer.from(bytes.buffer).toString('utf8');
  refuseDeep(text);
  parseJson(text);
  cacheOf(c).text = Promise.resolve(text);
  if (c.req.header('content-type') !== 'application/json') c.req.raw.headers.set('content-type', 'application/json');
}

function guard(access: Access, bodyLimit: number, json: boolean, required: boolean): MiddlewareHandler<Env> {
  const handler: MiddlewareHandler<Env> = async (c, next) => {
    await c.var.identify(c, access);
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      const bytes = await readBody(c.req.raw, bodyLimit);
      if (json) await takeJson(c, bytes, required);
      else cacheOf(c).arrayBuffer = Promise.resolve(bytes.buffer);
    }
    await next();
  };
  guards.set(handler, access);
  return handler;
}

const problemContent = {
  description: 'Refused: what is wrong, where, and what to do',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** `route({ method, path, permission, request, responses })`: the only way to declare one. */
export function route<
  P extends string,
  R extends Omit<RouteConfig, 'path' | 'middleware' | 'security'> & { path: P } & Declared,
>(config: R) {
  const { permission, bodyLimit, ...rest } = config;
  const described = {
    ...rest,
    ...(permission !== 'public' && { security: [{ bearer: [] }, { cookie: [] }] }),
    'x-permission': permission,
    responses: { ...rest.responses, default: problemContent },
  };
  const made = createRoute(described as unknown as R);
  return Object.assign(made, {
    middleware: [
      guard(
        permission,
        bodyLimit ?? DEFAULT_BODY,
        wantsJson(rest as RouteConfig),
        (rest as RouteConfig).request?.body?.required !== false,
      ),
    ],
  });
}

/** A router whose failed validations are problem+json with pointers. */
export const createRouter = () =>
  new OpenAPIHono<Env>({
    defaultHook: (result) => {
      if (!result.success) throw validationProblem(result.error, result.target);
    },
  });

export interface RouteAccess {
  method: string;
  path: string;
  access: Access;
}

/** Every registered route with its access. Throws when one was registered without `route()`. */
export function declaredRoutes(app: { routes: { method: string; path: string; handler: unknown }[] }): RouteAccess[] {
  const first = new Map<string, RouteAccess>();
  for (const { method, path, handler } of app.routes) {
    // Middleware of the app itself: runs before every route and answers none.
    if (method === 'ALL' && path === '/*') continue;
    const key = `${method} ${path}`;
    if (first.has(key)) continue;
    const access = typeof handler === 'function' ? guards.get(handler) : undefined;
    if (access === undefined)
      throw new Error(
        `${key} names no permission: declare it with route({ permission }) in api/routes, or it is not served`,
      );
    first.set(key, { method, path, access });
  }
  return [...first.values()];
}
