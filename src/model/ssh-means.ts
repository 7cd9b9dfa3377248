/** SSH means: what an operator gives Keyward to reach its nodes by, besides its own key and CA. */
export interface SshMeans {
  /** A configuration of OpenSSH, absolute: jump hosts, key exchange. For the driver `openssh`. */
  readonly config?: string;
  /** The socket of an ssh-agent, absolute: Keyward logs in by what it holds, hardware keys say, and not by its own key. */
  readonly agent?: string;
}
