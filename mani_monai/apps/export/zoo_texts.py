"""What a pull request to MONAI's model zoo says: its README's template filled in, and the unit test of its CI."""

from __future__ import annotations

CARD = """# {title}

### **Authors**
{authors}

### **Tags**
Segmentation, Pathology, H&E, Nuclei, Domain adaptation

## **Model Description**
{description}

## **Data**
The bundle contains no data. Its weights were trained on:

{data}

{terms}

#### **Preprocessing**
Images are read as RGB, rows first, and scaled from 0..255 to 0..1. {steps}

{formats}

## **Performance**
{performance}

## **Additional Usage Steps**

Nuclei of a folder of images, from the bundle's folder:

```
python -m monai.bundle run --config_file configs/inference.json --image_dir path/to/images --output_dir path/to/results
```

## **System Configuration**
Inference runs on a CPU or on one GPU. Training is no part of the bundle.

## **Limitations**
{limits}

## **References**
{references}

## **License**
Apache License 2.0 for configs and code, see `LICENSE`. Weights: `docs/data_license.txt`.
"""

UNIT_TEST = """# Copyright (c) MONAI Consortium
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#     http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

import os
import shutil
import sys
import tempfile
import unittest

import numpy as np
from monai.bundle import create_workflow
from PIL import Image
from utils import check_workflow


class Test{title}(unittest.TestCase):
    def setUp(self):
        self.bundle_root = "models/{name}"
        sys.path.insert(0, self.bundle_root)
        self.image_dir = tempfile.mkdtemp()
        self.output_dir = os.path.join(self.image_dir, "output")
        random = np.random.default_rng(0)
        for number in range(2):
            pixels = random.integers(0, 256, (96, 128, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(os.path.join(self.image_dir, f"image_{{number}}.png"))

    def tearDown(self):
        sys.path.remove(self.bundle_root)
        shutil.rmtree(self.image_dir)

    def test_infer_config(self):
        workflow = create_workflow(
            workflow_type="infer",
            bundle_root=self.bundle_root,
            config_file=os.path.join(self.bundle_root, "configs/inference.json"),
            logging_file=os.path.join(self.bundle_root, "configs/logging.conf"),
            meta_file=os.path.join(self.bundle_root, "configs/metadata.json"),
            image_dir=self.image_dir,
            output_dir=self.output_dir,
        )
        check_workflow(workflow, check_properties=True)
        for number in range(2):
            self.assertTrue(os.path.isfile(os.path.join(self.output_dir, f"image_{{number}}{ending}")))


if __name__ == "__main__":
    unittest.main()
"""
