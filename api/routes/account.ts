// Coming in and going out: first Administrator, login, logout, who am I.
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { PERMISSIONS, ROLES } from '#domain/access.ts';
import { type AccessRefusal, type AccessUser, MIN_PASSWORD, sessionDigest } from '#streams/keyring/access-store.ts';
import { cookieValue, refuseCrossOrigin, SESSION_COOKIE } from '../auth.ts';
import type { Deps } from '../deps.ts';
import { TokenBuckets } from '../limiter.ts';
import { Problem } from '../problem.ts';
import { addressOf, createRouter, type Env, hostOf, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';
import { createLoginTokens } from '../token.ts';

const SESSION_MS = 12 * 3_600_000;
const TOKEN_SECONDS = 900;
/** Logins hash at once at most: argon2 takes 19 MiB and a core each, and predictions must not wait for it. */
const MAX_HASHING = 2;
const CREDENTIALS = { email: 'you@example.com', password: 'violet tram under rain 47' };

const User = z.object({ id: z.string(), email: z.string(), role: z.enum(ROLES) });
const Login = z.object({
  token: z.string().describe('Bearer token for services, valid 15 minutes'),
  token_type: z.literal('Bearer'),
  expires_in: z.number(),
  user: User,
});

export const accessRefusals: Record<AccessRefusal, string> = {
  'setup-token-invalid': 'start the server again: it prints a new setup link while there is no Administrator',
  'already-set-up': 'sign in instead',
  'password-too-short': `choose at least ${MIN_PASSWORD} characters`,
  'password-too-common': 'choose one that is not built from well-known words and digits',
  'bad-email': 'write it as name@host',
  'email-taken': 'sign in instead, or use another address',
};
const pointers: Partial<Record<AccessRefusal, string>> = {
  'setup-token-invalid': '/token',
  'password-too-short': '/password',
  'password-too-common': '/password',
  'bad-email': '/email',
  'email-taken': '/email',
};

export function accountRoutes(deps: Deps) {
  const { access, now } = deps;
  const logins = createLoginTokens(deps.signingKey);
  const perAccount = new TokenBuckets(deps.limits.login);
  const perAddress = new TokenBuckets({
    perSecond: deps.limits.login.perSecond * 10,
    burst: deps.limits.login.burst * 10,
  });
  let hashing = 0;

  const slowDown = (seconds: number, detail: string) =>
    new Problem('rate-limited', detail, { headers: { 'retry-after': String(Math.ceil(seconds)) } });

  async function oneOfFew<T>(work: () => Promise<T>): Promise<T> {
    if (hashing >= MAX_HASHING) throw slowDown(1, 'many sign-ins at once; try again in a second');
    hashing++;
    try {
      return await work();
    } finally {
      hashing--;
    }
  }
  /** A form on another site must not sign a visitor in as somebody else. */
  function refuseForeignForm(c: Context<Env>): void {
    const origin = c.req.header('origin');
    const fetchSite = c.req.header('sec-fetch-site');
    if (origin !== undefined || fetchSite !== undefined) refuseCrossOrigin({ origin, fetchSite, host: hostOf(c) });
  }

  async function signIn(c: Context<Env>, user: AccessUser): Promise<z.infer<typeof Login>> {
    const at = now();
    const session = await access.createSession(user.id, SESSION_MS, at);
    const secure = deps.publicUrl?.startsWith('https:') ?? false;
    setCookie(c, SESSION_COOKIE, session.token, {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      secure,
      maxAge: SESSION_MS / 1000,
    });
    const token = logins.sign({
      sub: user.id,
      jti: sessionDigest(session.token).toString('base64url'),
      iss: deps.workspace.id,
      exp: Math.floor(at / 1000) + TOKEN_SECONDS,
    });
    return { token, token_type: 'Bearer', expires_in: TOKEN_SECONDS, user };
  }

  return createRouter()
    .openapi(
      route({
        method: 'post',
        path: '/api/setup',
        permission: 'public',
        tags: ['account'],
        summary: 'Create the first Administrator with the one-time token of the setup link',
        request: jsonBody(
          z.strictObject({ token: z.string().max(200), email: z.string().max(254), password: z.string().max(1024) }),
          { 'first Administrator': { token: 'the token of the setup link', ...CREDENTIALS } },
        ),
        responses: { 201: jsonAnswer('Signed in', Login) },
      }),
      async (c) => {
        refuseForeignForm(c);
        const wait = perAddress.take(addressOf(c) ?? 'unknown', now());
        if (wait > 0) throw slowDown(wait, 'too many attempts from this address');
        const input = c.req.valid('json');
        const created = await oneOfFew(() => access.completeSetup({ ...input, now: now() }));
        if (!created.ok) {
          const pointer = pointers[created.reason];
          throw new Problem(created.reason, accessRefusals[created.reason], {
            fields: pointer ? [{ pointer, detail: accessRefusals[created.reason] }] : [],
          });
        }
        deps.log.info({ user: created.value.id }, 'first administrator created');
        return c.json(await signIn(c, created.value), 201);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/login',
        permission: 'public',
        tags: ['account'],
        summary: 'Sign in: a session cookie for the console and a bearer token for services',
        request: jsonBody(z.strictObject({ email: z.string().max(254), password: z.string().max(1024) }), {
          'sign in': CREDENTIALS,
        }),
        responses: { 200: jsonAnswer('Signed in', Login) },
      }),
      async (c) => {
        refuseForeignForm(c);
        const { email, password } = c.req.valid('json');
        const wait = Math.max(
          perAddress.take(addressOf(c) ?? 'unknown', now()),
          perAccount.take(email.trim().toLowerCase(), now()),
        );
        if (wait > 0) throw slowDown(wait, 'too many attempts; wait before the next one');
        const user = await oneOfFew(() => access.verifyPassword(email, password));
        if (!user) throw new Problem('wrong-password', 'the address or the password is wrong');
        return c.json(await signIn(c, user), 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/logout',
        permission: 'public',
        tags: ['account'],
        summary: 'End the session of the cookie and every token that hangs on it',
        responses: { 204: { description: 'Signed out' } },
      }),
      async (c) => {
        const token = cookieValue(c.req.header('cookie'), SESSION_COOKIE);
        if (token) {
          refuseCrossOrigin({
            origin: c.req.header('origin'),
            fetchSite: c.req.header('sec-fetch-site'),
            host: hostOf(c),
          });
          await access.endSession(token);
        }
        const authorization = c.req.header('authorization');
        const bearer = authorization?.startsWith('Bearer ') ? authorization.slice(7) : null;
        const claims = bearer ? logins.verify(bearer, deps.workspace.id, now()) : null;
        if (claims) await access.endSessionByDigest(Buffer.from(claims.jti, 'base64url'));
        deleteCookie(c, SESSION_COOKIE, { path: '/' });
        return c.body(null, 204);
      },
    )
    .openapi(
      route({
        method: 'get',
        path: '/api/me',
        permission: 'optional',
        tags: ['account'],
        summary: 'Who this request comes from and what it may do',
        responses: {
          200: jsonAnswer(
            'The principal',
            z.object({
              kind: z.string(),
              role: z.enum(ROLES),
              permissions: z.array(z.enum(PERMISSIONS)),
              user: User.omit({ role: true }).nullable(),
              workspace: z.object({
                name: z.string(),
                demo: z.boolean(),
                reporting_currency: z.string(),
                zone: z.string(),
              }),
              needs_setup: z.boolean(),
              version: z.string(),
            }),
          ),
        },
      }),
      async (c) => {
        const { kind, role, permissions, user } = c.var.principal;
        const { name, demo, reportingCurrency, zone } = deps.workspace;
        return c.json(
          {
            kind,
            role,
            permissions: [...permissions],
            user,
            workspace: { name, demo, reporting_currency: reportingCurrency, zone },
            needs_setup: !(await access.hasAdmin()),
            version: deps.version,
          },
          200,
        );
      },
    );
}
