// The entry of the command line. What Node makes of our files (types stripped, code compiled) is kept beside the packages, which halves the
// time any command takes to start; where that folder cannot be written nothing is kept, and nothing else changes.
import { enableCompileCache, flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const { directory } = enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/axiom47', import.meta.url)));
// Threads take it from the environment only.
if (directory !== undefined) process.env.NODE_COMPILE_CACHE ??= directory;
// By itself it is written at the end only: a server that is killed has none.
setTimeout(flushCompileCache, 10_000).unref();

// A reader that goes away early (`| head`) ends the output, not the work's exit code.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const { INTERRUPTED, main } = await import('./command-line.ts');
process.exitCode = await main(process.argv.slice(2));
// What was still under way has nobody left to answer to.
if (process.exitCode === INTERRUPTED) process.exit();
