import type { Fault } from './faults.js'
import type { SimulatedMessage, SimulatorState } from './state.js'

export interface ReportStep {
  /** In the provider's words. */
  status: string
  error?: { code: string; message: string }
}

type Post = (message: SimulatedMessage, status: string) => Promise<unknown>

/** The life of a sent message after the provider's answer, told to the business step by step. */
export class Reports {
  private readonly timers = new Set<NodeJS.Timeout>()
  private stopped = false

  constructor(private readonly state: SimulatorState) {}

  /**
   * Starts the reports. Resolves at once, or after the last report where the fault asks for reports ahead of the
   * answer.
   */
  async start(
    message: SimulatedMessage,
    steps: ReportStep[],
    post: Post,
    fault: Fault | null,
  ): Promise<void> {
    const { settings } = this.state
    if (!settings.reports || fault?.mode === 'deliver_nothing') return
    if (fault?.mode === 'report_before_answer') {
      for (const step of steps) await this.report(message, step, post, 1)
      return
    }
    const times = fault?.mode === 'report_twice' ? 2 : 1
    if (fault?.mode === 'reports_reversed') {
      this.later(async () => {
        for (const step of steps) this.apply(message, step)
        for (const step of steps.toReversed()) await post(message, step.status)
      })
    } else this.next(message, steps, (step) => this.report(message, step, post, times))
  }

  stop(): void {
    this.stopped = true
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
  }

  private next(message: SimulatedMessage, steps: ReportStep[], report: (step: ReportStep) => Promise<void>) {
    const [step, ...rest] = steps
    if (!step) return
    this.later(async () => {
      await report(step)
      this.next(message, rest, report)
    })
  }

  private async report(
    message: SimulatedMessage,
    step: ReportStep,
    post: Post,
    times: number,
  ): Promise<void> {
    this.apply(message, step)
    for (let sent = 0; sent < times; sent++) await post(message, step.status)
  }

  private apply(message: SimulatedMessage, step: ReportStep): void {
    if (step.error) {
      message.errorCode = step.error.code
      message.errorMessage = step.error.message
    }
    this.state.setStatus(message, step.status)
  }

  private later(work: () => Promise<void>): void {
    if (this.stopped) return
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      void work()
    }, this.state.settings.reportDelayMs)
    this.timers.add(timer)
  }
}
