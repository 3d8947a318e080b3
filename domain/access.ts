// Who may do what: one plain table from role to permissions. A route that names no permission does not boot.

export const ROLES = ['anonymous', 'analyst', 'data-engineer', 'ml-engineer', 'product', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const PERMISSIONS = [
  'demo:read',
  'customer:read',
  'customer:read-identified',
  'score:read',
  'predict',
  'event:write',
  'import:write',
  'source:read',
  'source:write',
  'quarantine:read',
  'quarantine:replay',
  'model:read',
  'model:write',
  'model:deploy',
  'model:approve',
  'key:write',
  'user:write',
  'audit:read',
  'erase:execute',
  'workspace:write',
  'system:read',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const signedIn = ['demo:read', 'score:read', 'predict', 'model:read', 'source:read'] as const satisfies Permission[];

export const rolePermissions: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  anonymous: new Set<Permission>(['demo:read']),
  analyst: new Set<Permission>([...signedIn, 'customer:read', 'customer:read-identified', 'quarantine:read']),
  'data-engineer': new Set<Permission>([
    ...signedIn,
    'customer:read',
    'event:write',
    'import:write',
    'source:write',
    'quarantine:read',
    'quarantine:replay',
    'system:read',
  ]),
  'ml-engineer': new Set<Permission>([...signedIn, 'customer:read', 'model:write', 'model:deploy', 'system:read']),
  // Who answers for what a model does says whether it may answer although a gate is not passed; who builds it does not.
  product: new Set<Permission>([...signedIn, 'customer:read', 'customer:read-identified', 'model:approve']),
  admin: new Set<Permission>(PERMISSIONS),
};

export const may = (role: Role, permission: Permission): boolean => rolePermissions[role].has(permission);
