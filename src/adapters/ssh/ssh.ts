/**
 * SSH: keys pushed to machines that have nothing but sshd.
 *
 *     link.ts        the contract of the two ways to connect
 *     ssh2.ts        by the library, in this process
 *     openssh.ts     by OpenSSH's own program: certificates, jump hosts, hardware keys
 *     file-server.ts sshd's file server, many questions under way at once
 *     remote-host.ts files put in place, looked at and taken away over it
 *     arguments.ts   programs run with arguments that no shell reads
 */
export { createConnectHost } from "./remote-host.ts";
