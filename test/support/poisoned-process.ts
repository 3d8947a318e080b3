// Loaded into the program before anything else (node --import): a program with two mistakes in it, which events of certain amounts bring out.
import { EntryStore } from '#projections/memory/entry-store.ts';

/** Minor units. */
const THROWS = 66_600;
const NEVER_ENDS = 77_700;

const put = EntryStore.prototype.putDocument;
EntryStore.prototype.putDocument = function (...args) {
  const [, , , , , , minor] = args;
  const code = put.apply(this, args);
  if (minor === THROWS) throw new TypeError('a mistake of this program');
  while (minor === NEVER_ENDS);
  return code;
};
