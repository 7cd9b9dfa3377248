/**
 * SSH: keys pushed to machines that have nothing but sshd.
 *
 *     link.ts        the contract of the two ways to connect
 *     ssh2.ts        by the library, in this process
 *     openssh.ts     by OpenSSH's own program: certificates, jump hosts, hardware keys
 *     own-agent.ts   an ssh-agent of our own for it, so that no key lies in a file
 *     file-server.ts sshd's file server, many questions under way at once
 *     files.ts       files put in place, looked at and taken away over it
 *     kept.ts        connections left open between pushes
 *     remote-host.ts a host: its files, owners and programs, with the time that they have
 *     arguments.ts   programs run with arguments that no shell reads
 */
export { authorizedOptions } from "./arguments.ts";
export { createOpenByOpenSsh, type OpenSshOptions } from "./openssh.ts";
export { createConnectHost } from "./remote-host.ts";
export { scanHostKeys } from "./scan.ts";
export { openBySsh2 } from "./ssh2.ts";
