// A run in steps, each a task: `dbgclean plan`, then passes over the reads until it prints "done".
//   nextflow run packaging/nextflow/steps.nf --plan /shared/plan --command 'correct R1.fq R2.fq -o c1.fq c2.fq'
// Files lie in --plan, which every node sees; tasks hand over names only. See docs/steps.md.
nextflow.enable.dsl = 2

params.plan = null
params.command = null
params.blocks = 64

process PLAN {
    cpus 2

    output:
    stdout emit: said

    script:
    """
    cd '${launchDir}'
    dbgclean plan -o '${params.plan}' --blocks ${params.blocks} ${params.command}
    """
}

process STEP {
    errorStrategy 'retry'
    maxRetries 3

    input:
    tuple val(pass), val(number)

    output:
    val true

    script:
    """
    dbgclean step '${params.plan}' ${pass} ${number} -t ${task.cpus}
    """
}

process NEXT {
    cpus 2

    input:
    val done

    output:
    stdout emit: said

    script:
    """
    dbgclean step '${params.plan}' -t ${task.cpus}
    """
}

workflow ROUND {
    take:
    said

    main:
    steps = said
        .map { it.trim().tokenize(' ') }
        .filter { it[0] != 'done' }
        .flatMap { words -> (0..<(words[1] as int)).collect { number -> [words[0], number] } }
    STEP(steps)
    // Nothing is collected where there was no step: the rounds that are left do nothing.
    NEXT(STEP.out.collect())

    emit:
    said = NEXT.out.said
}

// A round for each pass that there may be: two counts and their merges at two k, thread, compare.
include { ROUND as ROUND_1; ROUND as ROUND_2; ROUND as ROUND_3; ROUND as ROUND_4 } from './steps.nf'
include { ROUND as ROUND_5; ROUND as ROUND_6; ROUND as ROUND_7; ROUND as ROUND_8 } from './steps.nf'

workflow {
    PLAN()
    ROUND_1(PLAN.out.said)
    ROUND_2(ROUND_1.out.said)
    ROUND_3(ROUND_2.out.said)
    ROUND_4(ROUND_3.out.said)
    ROUND_5(ROUND_4.out.said)
    ROUND_6(ROUND_5.out.said)
    ROUND_7(ROUND_6.out.said)
    ROUND_8(ROUND_7.out.said)
}
