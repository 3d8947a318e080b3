declare module 'jstat' {
  const jstat: { gammaln(x: number): number; ibeta(x: number, a: number, b: number): number };
  export default jstat;
}
