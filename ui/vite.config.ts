// Builds the console into ui/dist, which the API serves. Nothing is inlined: the page's policy allows scripts, styles and fonts from its own
// address only.
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig(({ command }) => {
  // A test runner's NODE_ENV must not make a build of the slow, chatty kind.
  if (command === 'build') process.env.NODE_ENV = 'production';
  return {
    root: fileURLToPath(new URL('.', import.meta.url)),
    plugins: [react()],
    build: {
      outDir: 'dist',
      emptyOutDir: true,
      assetsInlineLimit: 0,
      target: 'es2022',
      modulePreload: { polyfill: false },
      reportCompressedSize: true,
    },
    // Only for `vite --config ui/vite.config.ts`: the API of a running server beside the console being worked on.
    server: { proxy: { '^/(api|docs|openapi.json|livez|readyz|predict|v1)': 'http://127.0.0.1:8047' } },
  };
});
