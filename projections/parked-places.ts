// Places of events that the ledger has parked, beside the tables that leave them out (parked.ts).
import type { ClientBase } from 'pg';
import type { Place } from './memory/parked-lists.ts';

export async function notePlaces(client: ClientBase, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return;
  await client.query(
    'insert into rm.parked (seq, index) select * from unnest($1::bigint[], $2::integer[]) on conflict do nothing',
    [places.map(([seq]) => seq), places.map(([, index]) => index)],
  );
}

export async function readPlaces(client: ClientBase): Promise<Place[]> {
  const { rows } = await client.query<{ seq: string; index: number }>('select seq, index from rm.parked order by 1, 2');
  return rows.map(({ seq, index }): Place => [Number(seq), index]);
}

export async function forgetPlaces(client: ClientBase, places: readonly Place[]): Promise<void> {
  await client.query(
    'delete from rm.parked p using unnest($1::bigint[], $2::integer[]) g (seq, index) where p.seq = g.seq and p.index = g.index',
    [places.map(([seq]) => seq), places.map(([, index]) => index)],
  );
}
