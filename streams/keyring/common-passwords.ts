// Passwords of at least 12 characters that guessing tools try first. Short ones need no list: their length refuses them.
const stems = [
  'password',
  'passw0rd',
  'p@ssword',
  'p@ssw0rd',
  'qwertyuiop',
  'qwerty',
  'letmein',
  'welcome',
  'iloveyou',
  'administrator',
  'admin',
  'changeme',
  'monkey',
  'dragon',
  'football',
  'sunshine',
  'princess',
  'superman',
  'trustno1',
  'axiom47',
  'axiom',
  'secret',
  'master',
  'login',
  'abc',
  'asdfghjkl',
  'zxcvbnm',
  '1q2w3e4r5t6y',
  '1qaz2wsx3edc',
  'correcthorsebatterystaple',
  'qazwsxedcrfv',
  'minioadmin',
];

/**
 * True for a listed stem repeated or joined with other stems, digits and punctuation ("Password1234!", "adminadmin2026"),
 * for a run of one or two characters ("aaaaaaaaaaaa", "ababababab…") and for a counting run ("1234567890123").
 */
export function isCommonPassword(password: string): boolean {
  const plain = password.toLowerCase().replace(/\s/g, '');
  if (new Set(plain).size <= 2) return true;
  if ('0123456789'.repeat(30).includes(plain) || '9876543210'.repeat(30).includes(plain)) return true;
  if ('abcdefghijklmnopqrstuvwxyz'.repeat(12).includes(plain)) return true;
  let rest = plain;
  for (const stem of stems) rest = rest.replaceAll(stem, '');
  return rest !== plain && /^[\d\W_]*$/.test(rest);
}
