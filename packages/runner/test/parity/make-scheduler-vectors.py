"""Writes vectors/runner/scheduler-matrix.json: what the schedulers of Diffusers make of a small matrix of settings.

Run offline with Python, torch and diffusers installed: python packages/runner/test/parity/make-scheduler-vectors.py
The toy model is the one of vectors/runner/scheduler-steps.json; the k-th noise is (1 + k / 10) · [0.1, 0.2, −0.3, 0.4].
"""

import importlib
import json
import pathlib

import diffusers
import torch

BASE = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
VARIANTS = {
    "EulerDiscreteScheduler": [{}, {"use_karras_sigmas": True}, {"final_sigmas_type": "sigma_min"}],
    "EulerAncestralDiscreteScheduler": [{}],
    "DDIMScheduler": [
        {"set_alpha_to_one": False, "clip_sample": False},
        {"set_alpha_to_one": True, "clip_sample": True},
        {"beta_schedule": "linear"},
        {"beta_schedule": "squaredcos_cap_v2"},
    ],
    "PNDMScheduler": [{"skip_prk_steps": True}, {"skip_prk_steps": True, "set_alpha_to_one": True}],
    "DPMSolverMultistepScheduler": [{}, {"use_karras_sigmas": True}, {"final_sigmas_type": "sigma_min"}, {"solver_order": 1}],
    "LCMScheduler": [{}, {"clip_sample": True}],
}
UNKNOWN = {("PNDMScheduler", "sample"), ("EulerAncestralDiscreteScheduler", "sample")}


def run(name, config, steps):
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(steps)
    draws = [0]

    def noise(shape, **_):
        draws[0] += 1
        return ((1 + 0.1 * draws[0]) * torch.tensor([0.1, 0.2, -0.3, 0.4])).reshape(shape)

    module = importlib.import_module(type(scheduler).__module__)
    if hasattr(module, "randn_tensor"):
        module.randn_tensor = noise
    sample = torch.tensor([[1, -0.5, 0.25, 2.0]]) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        answer = 0.3 * scheduler.scale_model_input(sample, timestep) + 0.1 * timestep.float() / 1000
        sample = scheduler.step(answer, timestep, sample, return_dict=False)[0]
    return {
        "timesteps": [round(float(t), 3) for t in scheduler.timesteps],
        "initNoiseSigma": float(f"{float(scheduler.init_noise_sigma):.7g}"),
        "sample": [float(f"{x:.7g}") for x in sample[0].tolist()],
    }


cases = []
for name, variants in VARIANTS.items():
    for variant in variants:
        for index, (prediction, spacing) in enumerate(
            (p, s) for p in ("epsilon", "v_prediction", "sample") for s in ("leading", "linspace", "trailing")
        ):
            if (name, prediction) in UNKNOWN:
                continue
            config = {**BASE, "prediction_type": prediction, "timestep_spacing": spacing, "steps_offset": index % 2, **variant}
            steps = (1, 2, 7, 15, 30)[index % 5]
            cases.append(
                {
                    "name": f"{name} {prediction} {spacing} {steps} {json.dumps(variant)}",
                    "input": {"config": {"_class_name": name, **config}, "steps": steps},
                    "expected": run(name, config, steps),
                }
            )

target = pathlib.Path(__file__).parents[4] / "vectors/runner/scheduler-matrix.json"
head = {
    "source": f"Diffusers {diffusers.__version__}",
    "how": "packages/runner/test/parity/make-scheduler-vectors.py",
    "tolerance": 2e-4,
}
lines = ",\n".join("    " + json.dumps(case, ensure_ascii=False) for case in cases)
target.write_text(json.dumps(head, indent=2)[:-2] + ',\n  "cases": [\n' + lines + "\n  ]\n}\n")
print(len(cases), "cases")
