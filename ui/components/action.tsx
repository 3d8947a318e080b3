// A button that some roles may press: whoever may not sees it, locked, with the roles that may. The API is the guard; this is so that nobody wonders.
import type { ReactNode } from 'react';
import { may, type Permission, ROLES } from '#domain/access.ts';
import { roleWord, useMe } from '../account.ts';
import { Icon, type IconName } from './icon.tsx';

export const whoMay = (needs: Permission): string =>
  ROLES.filter((role) => may(role, needs))
    .map(roleWord)
    .join(', ');

export function Action(props: {
  needs: Permission;
  onClick?: (() => void) | undefined;
  /** Why not now, although the role may. */
  not?: string | null | undefined;
  submit?: boolean;
  primary?: boolean;
  danger?: boolean;
  busy?: boolean;
  icon?: IconName;
  children: ReactNode;
}) {
  const me = useMe();
  const allowed = me === undefined || me.permissions.includes(props.needs);
  const why = allowed ? (props.not ?? null) : `Needs ${props.needs}: ${whoMay(props.needs)}`;
  // Nothing is pressed before it is known who looks.
  const idle = why !== null || props.busy || me === undefined;
  const tone = why ? ' dis' : props.primary ? ' pri' : props.danger ? ' bad' : '';
  return (
    <button
      type={props.submit && !idle ? 'submit' : 'button'}
      className={`ctl${tone}`}
      aria-disabled={idle ? true : undefined}
      title={why ?? undefined}
      onClick={() => !idle && props.onClick?.()}
    >
      {!allowed ? <Icon name="lock" small /> : props.icon && <Icon name={props.icon} small />}
      {props.children}
      {!allowed && <span className="sr">, {why}</span>}
    </button>
  );
}
