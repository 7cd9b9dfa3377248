/** Log: where the agent says what it does. Names, paths, codes and times; never a value. Pino's loggers fit. */
export interface AgentLog {
  info(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
  warn(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
  error(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
}
