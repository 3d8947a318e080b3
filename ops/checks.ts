// What /readyz asks: each check answers a word on its state, or throws what is wrong.
import type { Deps } from '#api/deps.ts';
import type { Columns } from '#projections/memory/columns.ts';
import type { ProjectorHandlers } from '#projections/protocol.ts';
import type { GatewayHandlers } from '#streams/gateway/protocol.ts';
import type { Remote } from '#streams/rpc.ts';

export function createChecks(
  gateway: Pick<Remote<GatewayHandlers>, 'status'>,
  columns: Columns,
  projector: Pick<Remote<ProjectorHandlers>, 'status'>,
): Deps['checks'] {
  return {
    log: async () => {
      if (!(await gateway.status()).storeAvailable) throw new Error('the log does not accept events');
      return 'accepts events';
    },
    keyring: async () => {
      const status = await gateway.status();
      if (!status.keyringAvailable) throw new Error('the keyring does not answer');
      return `${status.customers} customers`;
    },
    fold: async () => `position ${columns.state().seq}`,
    tables: async () => {
      const status = await projector.status();
      const trouble = status.failure?.message ?? status.trouble;
      if (trouble) throw new Error(trouble);
      return `positions ${status.events}, ${status.customers}`;
    },
  };
}
