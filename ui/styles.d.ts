// Style sheets are imported for their effect; Vite bundles them.
declare module '*.css';
declare module '@fontsource-variable/inter/wght.css';
