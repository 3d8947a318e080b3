declare module 'tdigest' {
  /** @param delta most mass of one centroid, as a share. */
  export class TDigest {
    constructor(delta?: number);
    push(x: number, n?: number): void;
    push_centroid(centroids: { mean: number; n: number }[]): void;
    compress(): void;
    percentile(p: number): number | undefined;
    toArray(): { mean: number; n: number }[];
    size(): number;
  }
}
