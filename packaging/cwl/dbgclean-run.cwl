#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: dbgclean run
doc: |
  Correct reads on the De Bruijn graph before they are assembled, and report what changed and
  what it cost.

baseCommand: [dbgclean, run]
arguments:
  - prefix: --output
    valueFrom: out
  - prefix: --threads
    valueFrom: $(runtime.cores)
  - prefix: --tmp
    valueFrom: $(runtime.tmpdir)

hints:
  SoftwareRequirement:
    packages:
      dbgclean:
        version: ["0.4.0"]
  ResourceRequirement:
    coresMin: 2
    ramMin: 4096
  NetworkAccess:
    networkAccess: false

inputs:
  reads:
    type: File[]
    doc: FASTA, FASTQ, BAM or CRAM; two files whose read names are mates are a pair
    inputBinding:
      position: 1
  sample:
    type: string?
    doc: the sample's name in the report and in MultiQC; by default that of the first file
    inputBinding:
      prefix: --sample
  kmer_size:
    type: int?
    doc: odd, 11 to 127
    inputBinding:
      prefix: -k
  corrector:
    type: string?
    inputBinding:
      prefix: --corrector
  ploidy:
    type: int?
    doc: the sample is a clone with this many copies of its genome
    inputBinding:
      prefix: --ploidy
  min_vaf:
    type: float?
    doc: alleles below this fraction need not be kept
    inputBinding:
      prefix: --min-vaf
  seed:
    type: int?
    inputBinding:
      prefix: --seed
  no_controls:
    type: boolean?
    doc: leave the other correctors' columns out of the report
    inputBinding:
      prefix: --no-controls

outputs:
  corrected_reads:
    type: File[]
    outputBinding:
      glob: out/reads/*
  kmers:
    type: File
    outputBinding:
      glob: out/kmers.fa.gz
  corrections:
    type: File
    outputBinding:
      glob: out/corrections.tsv.gz
  graph:
    type: File
    outputBinding:
      glob: out/clean.gfa
  report_html:
    type: File
    outputBinding:
      glob: out/report.html
  report_json:
    type: File
    outputBinding:
      glob: out/report.json
