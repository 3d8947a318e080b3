import { describe, expect, test } from 'vitest';
import { createLog, mask } from '#ops/log.ts';

/** What one call writes, parsed. */
function written(write: (log: ReturnType<typeof createLog>) => void): { text: string; line: Record<string, unknown> } {
  const chunks: string[] = [];
  write(createLog({ logLevel: 'info' }, { write: (chunk: string) => void chunks.push(chunk) }));
  const text = chunks.join('');
  return { text, line: text === '' ? {} : JSON.parse(text) };
}

describe('the log', () => {
  test('keeps figures, times and our own words', () => {
    const { line } = written((log) =>
      log.child({ processor: 'scoring' }).info({ customers: 3, ms: 1.5, at: new Date(0), name: 'web' }, 'scored'),
    );
    expect(line).toMatchObject({
      level: 'info',
      processor: 'scoring',
      customers: 3,
      ms: 1.5,
      at: '1970-01-01T00:00:00.000Z',
      name: 'web',
      msg: 'scored',
    });
  });

  test('writes nothing below its level', () => {
    expect(written((log) => log.debug('quiet')).text).toBe('');
  });

  test.each([
    ['a field', (log: ReturnType<typeof createLog>) => log.info({ customer_id: 'c-1042' }, 'x')],
    [
      'a field deep inside',
      (log: ReturnType<typeof createLog>) => log.info({ request: { headers: [{ Authorization: 'c-1042' }] } }, 'x'),
    ],
    ['a child', (log: ReturnType<typeof createLog>) => log.child({ customerId: 'c-1042' }).info('x')],
    ['a credential in text', (log: ReturnType<typeof createLog>) => log.info('sent Bearer c-1042')],
    [
      'a password in a url',
      (log: ReturnType<typeof createLog>) => log.info({ url: 'postgres://axiom47:c-1042@db/x' }, 'x'),
    ],
    ['an address in text', (log: ReturnType<typeof createLog>) => log.info('mail to c-1042@example.org')],
    ['an error alone', (log: ReturnType<typeof createLog>) => log.error(new Error('no c-1042@example.org'))],
    [
      'an error with its cause',
      (log: ReturnType<typeof createLog>) =>
        log.error({ err: new Error('x', { cause: new Error('c-1042@example.org') }) }, 'x'),
    ],
    [
      'an error under another name',
      (log: ReturnType<typeof createLog>) => log.error({ reason: new Error('c-1042@example.org') }, 'x'),
    ],
  ])('hides what names a customer or opens a door: %s', (_, write) => {
    const { text } = written(write);
    expect(text).not.toBe('');
    expect(text).not.toContain('c-1042');
  });

  test('masks in place and leaves the rest of a text', () => {
    expect(mask('GET /x from a.b+c@mail.example.org failed')).toBe('GET /x from [email] failed');
    expect(mask('postgres://u:p%40x@h:5432/d and Basic dTpw')).toBe(
      'postgres://u:[hidden]@h:5432/d and Basic [hidden]',
    );
    expect(mask('3 of 4 at 10:20')).toBe('3 of 4 at 10:20');
  });
});
