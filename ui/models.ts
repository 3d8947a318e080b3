// Models as the console asks for them.
import { queryOptions } from '@tanstack/react-query';
import { answer, api } from './client.ts';

const models = () => answer(api.api.models.$get());
export const modelsQuery = queryOptions({ queryKey: ['models'], queryFn: models });
