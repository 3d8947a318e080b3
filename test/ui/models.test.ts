// Steps of a version as the console asks for them: of which version, and what is said when the server had nothing to do.
import { afterEach, expect, test, vi } from 'vitest';
import { stepTo, takenBackBy } from '#ui/models.ts';

afterEach(() => void vi.unstubAllGlobals());

const answering = (body: object) => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string, { body: sent }: { body: string }) => {
    asked.push(`${decodeURIComponent(url)} ${sent}`);
    return new Response(JSON.stringify(body), { status: 200, headers: { 'content-type': 'application/json' } });
  });
  return asked;
};

test.each([
  [{ model: 'm', active: 'm@3', canary: { id: 'm@4', percent: 10 } }, 'm@4'],
  [{ model: 'm', active: 'm@3', canary: null }, 'm@3'],
  [{ model: 'm', active: null, canary: null }, 'm'],
])('%o: a rollback takes back %s, whatever page it is asked on', async (deployment, taken) => {
  expect(takenBackBy(deployment)).toBe(taken);
  const asked = answering({ id: 'm@3', stage: 'active', changed: true });
  await stepTo.rollback(takenBackBy(deployment), 'complaints');
  expect(asked).toEqual([`/api/models/${taken}/rollback {"reason":"complaints"}`]);
});

test('a step that changed nothing is not shown as done', async () => {
  answering({ id: 'm@3', stage: 'active', changed: false });
  await expect(stepTo.rollback('m@4', 'complaints')).rejects.toThrow(
    'Nothing has changed: it was so already. m@3 is active.',
  );
  await expect(stepTo.canary('m@4', 'one in ten', 10)).rejects.toThrow('Nothing has changed');
});
