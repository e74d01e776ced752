import { answersWell, FakeRunner, type FakeRunnerBehaviour } from "@rivulet/testkit";

/** The model of scripted runners. */
export const MODEL = "scripted/model";

/** A request that scripted runners answer quickly. */
export const request = { model_id: MODEL, prompt: "a circle", width: 64, height: 64, num_inference_steps: 1 };

/** A plain runner of the network, whose jobs do what the test says: for making the world misbehave around real nodes. */
export class ScriptedRunner extends FakeRunner {
  constructor() {
    super([{ pipeline: "text-to-image", model: MODEL }]);
    this.listsModels = false;
  }

  static async start(behaviour: FakeRunnerBehaviour = answersWell): Promise<ScriptedRunner> {
    const runner = new ScriptedRunner();
    runner.behave(behaviour);
    await runner.start();
    return runner;
  }

  /** The value of `-aiModels` for a node that uses this runner. */
  offer({ capacity = 1 }: { readonly capacity?: number } = {}): string {
    const model = { pipeline: "text-to-image", model_id: MODEL, url: this.url, warm: true, capacity };
    return `-aiModels=${JSON.stringify([model])}`;
  }
}
