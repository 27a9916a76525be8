export {
  type CallArguments,
  type CallFault,
  type CallInput,
  type Client,
  type ClientOptions,
  createClient,
} from './client.ts';
export { OutageError, type Transport, type TransportRequest, type TransportResponse } from './transport.ts';
